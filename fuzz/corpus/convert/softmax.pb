
;
xPlaceholder*
dtype0*
shape:ÿÿÿÿÿÿÿÿÿ

shapeShapex
<
rowsConst*
dtype0* 
valueB8ÿÿÿÿÿÿÿÿÿ8

aReshapexrows

sSoftmaxa

yReshapesshape