
C
xPlaceholder*
dtype0*$
shape:ÿÿÿÿÿÿÿÿÿ
,
bConst*
dtype0*
value
B
)
aBiasAddxb*
data_formatNCHW
)
yBiasAddab*
data_formatNCHW